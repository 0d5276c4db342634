"""Everything that knows Compose: YAML as text, env files, interpolation, projects, services."""
