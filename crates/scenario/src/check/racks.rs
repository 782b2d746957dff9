//! The section `[racks]`: which machine is in which, and where its addresses come from.

use toml::Spanned;

use super::Check;
use crate::raw;
use crate::story::{Machine, Network, Racking};

impl Check {
    /// Cuts the racks out of the network; each machine learns its own.
    pub(super) fn racks(
        &mut self,
        raw: &Spanned<raw::Racks>,
        network: &mut Network,
        machines: &mut [Machine],
    ) {
        let written = &raw.get_ref().machines;
        let each = *written.get_ref();
        if each == 0 || each > EACH_MAX {
            let message = format!("a rack cannot hold {each} machines");
            self.problem(written.span(), message, &format!("write 1 to {EACH_MAX}"));
            return;
        }
        let racking = Racking {
            each,
            fill: raw.get_ref().fill,
        };
        if network.cut_racks(machines, racking).is_none() {
            let message = format!(
                "racks for {} machines do not fit into {}/{}",
                machines.len(),
                network.prefix,
                network.prefix_len
            );
            self.problem(
                raw.span(),
                message,
                "give [network] a shorter prefix, as in \"10.0.0.0/8\"",
            );
        }
    }
}

/// A subnet for them is a /16 still.
const EACH_MAX: usize = 60_000;
