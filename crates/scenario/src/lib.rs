//! Stories, observations, oracles and the World trait
