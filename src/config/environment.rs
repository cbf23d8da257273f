//! Variables `PERSONA_*`: each is a setting, or known to be none, or refused.

use std::ffi::OsString;

use super::settings::SETTINGS;
use super::{FILE_VARIABLE, Given, Origin, Problem, TOKEN_VARIABLE};
use crate::diagnostic::nearest;

const PREFIX: &str = "PERSONA_";

/// Variables that are no settings: the file's own, and those of this project's tests.
pub const OTHERS: &[&str] = &[
    FILE_VARIABLE,
    TOKEN_VARIABLE,
    "PERSONA_CORPUS",
    "PERSONA_CRASH_BINARY",
    "PERSONA_CRASH_ROUNDS",
    "PERSONA_CRASH_SEED",
    "PERSONA_SOAK_SEED",
];

/// What the environment says. An empty variable says nothing, as scripts and compose files expect.
pub(super) fn read(variables: &[(OsString, OsString)], problems: &mut Vec<Problem>) -> Vec<Given> {
    let mut said = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let origin = Origin::Variable(name.to_owned());
        let setting = SETTINGS.iter().find(|setting| setting.variable == name);
        match (setting, value.to_str()) {
            (Some(_), Some("")) => {}
            (Some(setting), Some(value)) => {
                said.push(Given::at(origin, setting, setting.kind.part(value)));
            }
            (Some(_), None) => problems.push(Problem::new(&origin, "this is no UTF-8")),
            (None, _) if OTHERS.contains(&name) || is_of_a_cluster(name, &value.to_string_lossy()) => {}
            (None, _) => {
                let help = nearest_variable(name)
                    .map(|near| format!("did you mean `{near}`?"))
                    .or_else(|| Some("`persona config example` lists all settings".to_owned()));
                problems.push(Problem::new(&origin, "there is no such setting").with_help(help));
            }
        }
    }
    said
}

/// What all of them begin with makes all of them alike, so that only the rest is compared.
fn nearest_variable(name: &str) -> Option<&'static str> {
    let known = || SETTINGS.iter().map(|setting| setting.variable).chain([FILE_VARIABLE]);
    let rest = |name: &'static str| name.strip_prefix(PREFIX);
    let near = nearest(name.strip_prefix(PREFIX)?, known().filter_map(rest), 1);
    let near = near.first()?;
    known().find(|name| rest(name) == Some(*near))
}

/// Whether Kubernetes or Docker sets this for a service called `persona` or `persona-…`: a cluster must not stop a
/// server by the name that it gives it. `PERSONA_PORT=8080` is a person's, who is told.
fn is_of_a_cluster(name: &str, value: &str) -> bool {
    if let Some((_, port)) = name.split_once("_PORT_") {
        // PERSONA_PORT_50051_TCP, PERSONA_PORT_50051_TCP_ADDR …
        let mut words = port.split('_');
        let numbered = words.next().is_some_and(|word| word.parse::<u16>().is_ok())
            && words.next().is_some_and(|word| ["TCP", "UDP", "SCTP"].contains(&word));
        return numbered || name.contains("_SERVICE_PORT_");
    }
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || (name.ends_with("_PORT") && value.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cluster_sets_is_let_be() {
        for name in [
            "PERSONA_SERVICE_HOST",
            "PERSONA_SERVICE_PORT",
            "PERSONA_SERVICE_PORT_GRPC",
            "PERSONA_PORT",
            "PERSONA_PORT_50051_TCP",
            "PERSONA_PORT_50051_TCP_ADDR",
            "PERSONA_PORT_50051_TCP_PORT",
            "PERSONA_REGISTRY_PORT",
            "PERSONA_REGISTRY_SERVICE_HOST",
        ] {
            assert!(is_of_a_cluster(name, "tcp://10.0.0.1:50051"), "{name}");
        }
        for name in ["PERSONA_PORT", "PERSONA_PORTS", "PERSONA_LISTN", "PERSONA_PORT_NUMBER", "PERSONA_HOST"]
        {
            assert!(!is_of_a_cluster(name, "8080"), "{name}");
        }
    }
}
