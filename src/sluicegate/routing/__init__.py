"""Which deployments a model has, which of them data may reach, and which of those are well."""
