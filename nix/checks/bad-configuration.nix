# A configuration that the daemon would refuse is refused when the system is built.
{
  self,
  nixpkgs,
  pkgs,
}:
let
  inherit
    (nixpkgs.lib.nixosSystem {
      modules = [
        self.nixosModules.dns
        {
          nixpkgs.hostPlatform = pkgs.stdenv.hostPlatform.system;
          boot.isContainer = true;
          system.stateVersion = "26.05";
          services.quorate.dns = {
            enable = true;
            settings = {
              listen = [ "192.0.2.1:53" ];
              no_such_key = true;
            };
          };
        }
      ];
    })
    config
    ;
  failure = pkgs.testers.testBuildFailure config.services.quorate.configFile;
in
pkgs.runCommand "quorate-bad-configuration" { } ''
  grep -q no_such_key ${failure}/testBuildFailure.log
  touch $out
''
