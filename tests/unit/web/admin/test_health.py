"""Health and readiness."""

from tests.support.administration import World


async def test_health_needs_nothing(world: World) -> None:
    async with world.client() as client:
        assert (await client.get("/api/v1/health")).json() == {"status": "ok"}


async def test_ready_says_why_not(world: World) -> None:
    async with world.client() as client:
        assert (await client.get("/api/v1/ready")).status_code == 200
        world.not_ready = "The server stops."
        answer = await client.get("/api/v1/ready")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "The server stops."
