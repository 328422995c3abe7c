"""The rule packs that are shipped, as data: any.toml (start reading there), zh.toml, en.toml, sites/DOMAIN.toml."""
