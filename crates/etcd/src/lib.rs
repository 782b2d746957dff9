//! How etcd turns SRV answers into a cluster: discovery model, IDs, diagnosis
