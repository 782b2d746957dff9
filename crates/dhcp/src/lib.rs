//! DHCPv4 server and client engines
