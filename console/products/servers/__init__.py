"""Model servers over HTTP: what answers at an address, which models it has, how busy it is. GET only, by allow-list."""
