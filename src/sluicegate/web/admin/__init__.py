"""The admin REST API at `/api/v1` (FastAPI, OpenAPI 3.1). Imported at its first use: it costs memory and time to start."""
