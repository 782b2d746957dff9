# How etcd is run on a node: no capability, its data directory alone is writable. Type=exec,
# although etcd can notify: it does so once it belongs to a quorum, and must not be killed while
# it waits for its peers.
{
  Type = "exec";
  Restart = "always";
  LimitNOFILE = 65536;

  DynamicUser = true;
  StateDirectory = "etcd";
  StateDirectoryMode = "0700";
  UMask = "0077";

  CapabilityBoundingSet = "";
  # Netlink: the Go runtime looks its interfaces up.
  RestrictAddressFamilies = [
    "AF_INET"
    "AF_INET6"
    "AF_NETLINK"
    "AF_UNIX"
  ];
  SystemCallArchitectures = "native";
  SystemCallErrorNumber = "EPERM";
  SystemCallFilter = [
    "@system-service"
    "~@privileged"
  ];

  DevicePolicy = "closed";
  KeyringMode = "private";
  LockPersonality = true;
  MemoryDenyWriteExecute = true;
  NoNewPrivileges = true;
  PrivateDevices = true;
  PrivateTmp = true;
  PrivateUsers = true;
  ProtectClock = true;
  ProtectControlGroups = true;
  ProtectHome = true;
  ProtectHostname = true;
  ProtectKernelLogs = true;
  ProtectKernelModules = true;
  ProtectKernelTunables = true;
  ProtectProc = "invisible";
  ProtectSystem = "strict";
  RemoveIPC = true;
  RestrictNamespaces = true;
  RestrictRealtime = true;
  RestrictSUIDSGID = true;
}
