//! What the files of a folder are called and say, so that each can be judged among the others.

use futures_util::stream::{self, StreamExt as _};

use super::CHUNK;
use crate::cli::remote::Source;
use crate::cli::{Failure, walk};
use crate::document::glance;
use crate::domain::{BodyMark, Name};
use crate::validate::Others;

/// The names and bodies of all files, the first by path before those after it. What cannot be read is told of when its
/// turn to be judged comes.
pub(super) async fn of(sources: &[Source]) -> Result<Others, Failure> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let looks =
        sources.chunks(CHUNK).map(|chunk| {
            let chunk = chunk.to_vec();
            async move {
                tokio::task::spawn_blocking(move || chunk.iter().filter_map(look).collect::<Vec<_>>()).await
            }
        });
    let mut looks = stream::iter(looks).buffered(threads);
    let mut others = Others::default();
    while let Some(chunk) = looks.next().await {
        for (name, place, body) in chunk.map_err(|error| Failure::Server(Box::new(error)))? {
            others.add(&name, &place);
            others.add_mark(&name, &place, body);
        }
    }
    Ok(others)
}

fn look(source: &Source) -> Option<(Name, String, Option<BodyMark>)> {
    // The document of stdin lies nowhere.
    let Source::Path(path) = source else { return None };
    let content = walk::read(source).ok()?;
    let place = walk::slashed(path);
    let seen = glance(&content, Some(&place));
    let mark = BodyMark::of(content.get(seen.body..).unwrap_or_default());
    Some((seen.name?, place, mark))
}
