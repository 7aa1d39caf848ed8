"""The bundled GitHub server: repositories, files and issues as resources, issues and search as tools."""
