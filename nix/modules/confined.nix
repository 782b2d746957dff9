# What every daemon here is denied: other users' files, the kernel's settings, devices, namespaces.
# Its state directory alone is writable, and nobody else's to read.
{
  DynamicUser = true;
  StateDirectoryMode = "0700";
  UMask = "0077";

  SystemCallArchitectures = "native";
  SystemCallErrorNumber = "EPERM";

  DevicePolicy = "closed";
  KeyringMode = "private";
  LockPersonality = true;
  MemoryDenyWriteExecute = true;
  NoNewPrivileges = true;
  PrivateDevices = true;
  PrivateTmp = true;
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
