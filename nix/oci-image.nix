# `quorate serve` as a container. It needs the host's network, and the two capabilities.
{
  dockerTools,
  lib,
  quorate,
}:
dockerTools.buildLayeredImage {
  name = "quorate";
  tag = quorate.version;
  contents = [ quorate ];
  config = {
    Entrypoint = [ (lib.getExe quorate) ];
    Cmd = [
      "serve"
      "--config"
      "/etc/quorate/quorate.toml"
    ];
    Volumes."/var/lib/quorate" = { };
  };
}
