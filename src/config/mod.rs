//! What the user configured: the TOML file, the flags, and where secrets come from.
//! Connects to nothing and delivers nothing.
