//! What a set brought and has no file for any more: what may go, and what is kept and why.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::files::Files;
use super::plan::{self, Action, Step, There};
use super::set;
use crate::cli::Failure;
use crate::client::Client;
use crate::domain::Name;
use crate::wire::pb;

/// Calls under way at once.
const AT_ONCE: usize = 16;

/// Why nothing may be deleted; none where it may: a folder that is empty or cannot be read whole tells nothing about what
/// is missing from it.
pub(super) fn hindrance(files: &Files, steps: &[Step]) -> Option<String> {
    if let Some((path, _)) = files.unread.first() {
        return Some(format!("{} cannot be read", path.display()));
    }
    if files.files.is_empty() {
        return Some("no persona file was found".to_owned());
    }
    let nameless = steps.iter().find(|step| step.action == Action::Refused && step.name.is_none());
    nameless.map(|step| format!("{} may be any of them", step.path.as_deref().unwrap_or_default()))
}

/// Steps for what the set brought and has no file for.
pub(super) async fn steps(
    client: &Client,
    namespace: &str,
    set: &Name,
    steps: &[Step],
    there: &There,
) -> Result<Vec<Step>, Failure> {
    let gone = plan::without_file(steps, there);
    let (ours, others): (Vec<_>, Vec<_>) =
        gone.into_iter().partition(|persona| set::marked(&persona.message) == Some(set.as_str()));
    // Of version 1 there is no older one that the set could have brought.
    let others = others.into_iter().filter(|persona| persona.version > 1);
    let looks = stream::iter(others.cloned()).map(|persona| async move {
        let history = client.versions(namespace, &persona.name, usize::MAX).await?;
        Ok::<_, Failure>(kept(&persona, &history, set))
    });
    let kept: Vec<Option<Step>> = looks.buffered(AT_ONCE).try_collect().await?;
    let mut aliases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if !ours.is_empty() {
        for alias in client.aliases(namespace, "").await?.items {
            aliases.entry(alias.name).or_default().push(alias.alias);
        }
    }
    let deletion = |persona: &pb::Persona| {
        let aliases = aliases.get(&persona.name);
        let aliases: Vec<_> = aliases.into_iter().flatten().map(String::as_str).collect();
        plan::deletion(persona, &aliases)
    };
    Ok(ours.into_iter().map(deletion).chain(kept.into_iter().flatten()).collect())
}

/// A step that says why a persona stays, where the set once brought it.
fn kept(persona: &pb::Persona, history: &[pb::PersonaVersion], set: &Name) -> Option<Step> {
    use crate::wire::pb::persona_version::Type;
    // What was deleted was given up: what came after it is somebody else's.
    let life = history.iter().take_while(|entry| entry.r#type() != Type::Deletion);
    let brought = life.clone().find(|entry| set::marked(&entry.message) == Some(set.as_str()))?;
    let newest = life.clone().next()?;
    let by = if newest.actor.is_empty() { "somebody" } else { newest.actor.as_str() };
    let reason = format!("set {set} brought version {}, and {by} changed it since", brought.version);
    Some(plan::kept(persona, reason))
}
