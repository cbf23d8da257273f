//! Following the files of TLS: good new ones take over for new connections, broken ones are told and left.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_rustls::rustls::ServerConfig;

use super::Options;
use super::files::{Loaded, Look, look};
use crate::domain::{Clock, Digest};

/// Looks at the files now and then, for ever. What stands there in two looks and is broken is told once; in one look it
/// may be half a change, such as a certificate whose key is still to come.
pub(super) async fn follow(
    options: Options,
    clock: Arc<dyn Clock>,
    mut used: Loaded,
    sender: watch::Sender<Arc<ServerConfig>>,
) {
    // A ticker wants a period.
    let every = options.reload.max(std::time::Duration::from_millis(1));
    let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut doubted, mut told): (Option<Digest>, Option<Digest>) = (None, None);
    let mut was_valid = used.is_valid(clock.now());
    loop {
        ticks.tick().await;
        let (at, by, known) = (options.clone(), Arc::clone(&clock), used.digest);
        let Ok(found) = tokio::task::spawn_blocking(move || look(&at, &by, known)).await else { continue };
        match found {
            Look::Same => {
                if told.take().is_some() {
                    tracing::info!("the files of TLS are again those that are in use");
                }
                doubted = None;
                let now = clock.now();
                if was_valid && !used.is_valid(now) {
                    used.warn_of_validity(&options, now);
                }
                was_valid = used.is_valid(now);
            }
            Look::New(new) => {
                sender.send_replace(Arc::clone(&new.config));
                new.warn(&options, clock.now());
                new.tell("new files of TLS are in use for new connections", clock.now());
                was_valid = new.is_valid(clock.now());
                (used, doubted, told) = (new, None, None);
            }
            Look::Broken(what, error) if doubted == Some(what) => {
                if told != Some(what) {
                    tracing::error!(
                        %error,
                        "the new files of TLS are of no use, and the old ones stay in use; mend the files, they are looked at \
                         again every {every:?}"
                    );
                    told = Some(what);
                }
            }
            Look::Broken(what, error) => {
                tracing::debug!(%error, "the files of TLS are looked at once more");
                doubted = Some(what);
            }
        }
    }
}
