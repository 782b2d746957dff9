# How `quorate serve` is run: packaging/quorate.service as data. A test compares the two.
{
  Type = "notify";
  Restart = "on-failure";
  RestartSec = "1s";
  RestartPreventExitStatus = 2;

  DynamicUser = true;
  StateDirectory = "quorate";
  StateDirectoryMode = "0700";
  UMask = "0077";

  AmbientCapabilities = [
    "CAP_NET_BIND_SERVICE"
    "CAP_NET_RAW"
  ];
  CapabilityBoundingSet = [
    "CAP_NET_BIND_SERVICE"
    "CAP_NET_RAW"
  ];
  RestrictAddressFamilies = [
    "AF_INET"
    "AF_INET6"
    "AF_NETLINK"
    "AF_PACKET"
    "AF_UNIX"
  ];
  SystemCallArchitectures = "native";
  SystemCallErrorNumber = "EPERM";
  SystemCallFilter = [
    "@system-service"
    "~@privileged @resources"
  ];

  DevicePolicy = "closed";
  KeyringMode = "private";
  LockPersonality = true;
  MemoryDenyWriteExecute = true;
  NoNewPrivileges = true;
  PrivateDevices = true;
  PrivateTmp = true;
  ProcSubset = "pid";
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
