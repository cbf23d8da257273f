//! Driving one connection to its end: told to stop, or grown old, it takes no more calls and finishes those that it has.

use std::fmt::Display;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use hyper_util::server::graceful::GracefulConnection;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Options;
use crate::domain::fraction;

/// How long a connection lives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    /// After this its client is asked for a new one; none: never.
    most: Option<Duration>,
    /// After so much more what still runs on it is cut; none: never.
    grace: Option<Duration>,
}

impl Age {
    /// The age of one connection. It differs from one to the next, so that clients do not come back in step.
    pub(super) fn of(options: &Options) -> Self {
        let spread = |age: Duration| {
            Duration::try_from_secs_f64(age.as_secs_f64() * (0.9 + 0.2 * fraction())).unwrap_or(age)
        };
        let most = options.connection_age.map(spread);
        Self { most, grace: options.connection_age_grace }
    }
}

/// Waits until then; for ever where there is no end.
async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// Drives a connection to its end; `turn` is called after each of its turns. It comes in a box, since a future that is handed on is
/// there twice.
pub(super) async fn serve<C>(
    mut connection: Pin<Box<C>>,
    turn: impl Fn(&mut Context<'_>),
    age: Age,
    mut stop: watch::Receiver<bool>,
) where
    C: GracefulConnection,
    C::Error: Display,
{
    let (mut old, mut stopping) = (false, false);
    let end = until(age.most.and_then(|most| Instant::now().checked_add(most)));
    tokio::pin!(end);
    loop {
        let driven = poll_fn(|context| {
            let polled = connection.as_mut().poll(context);
            turn(context);
            polled
        });
        tokio::select! {
            ended = driven => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended in an error");
                }
                return;
            }
            changed = stop.changed(), if !stopping => {
                stopping = true;
                if changed.is_ok() {
                    connection.as_mut().graceful_shutdown();
                }
            }
            () = end.as_mut() => {
                if old {
                    tracing::info!("an old connection was cut: its calls did not end within the grace");
                    return;
                }
                old = true;
                connection.as_mut().graceful_shutdown();
                end.set(until(age.grace.and_then(|grace| Instant::now().checked_add(grace))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_differ_by_a_tenth_at_most() {
        let mut options = Options::new("data".into());
        options.connection_age = Some(Duration::from_secs(100));
        let ages: Vec<_> = (0..100).filter_map(|_| Age::of(&options).most).collect();
        assert!(ages.iter().all(|age| (90.0..=110.0).contains(&age.as_secs_f64())), "{ages:?}");
        assert!(ages.iter().any(|age| age != &ages[0]));
        options.connection_age = None;
        assert_eq!(Age::of(&options).most, None);
    }
}
