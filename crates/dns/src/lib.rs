//! Authoritative zones, RFC 2136 UPDATE, TSIG: the answer path
