"""The bundled database server: tables as resources, read-only queries as tools, for SQLite and PostgreSQL."""
