//! Calls of a large and a small registry in turn, one at a time: what differs is what they hold.

use std::time::{Duration, Instant};

use pb::persona_service_client::PersonaServiceClient;
use pb::watch_personas_request::Start;
use pb::watch_personas_response::Event;
use persona_registry::wire::pb;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::common::Failure;
use crate::fill::Set;
use crate::stores::below;

/// Personas of a page.
const PAGE: usize = 50;
/// Names that are asked for again and again.
const FEW: usize = 100;
/// How long a change may take to a watcher.
const PATIENCE: Duration = Duration::from_secs(60);

/// One way to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Any persona.
    Get,
    /// One of a few.
    GetFew,
    /// Fifty whole personas, from any place.
    List,
    /// The first fifty.
    ListFirst,
    /// A new version of any persona; also how long it takes to a watcher.
    Put,
}

/// A registry and whoever asks it.
pub struct Side {
    client: PersonaServiceClient<Channel>,
    changes: Streaming<pb::WatchPersonasResponse>,
    set: Set,
    /// Where pages begin.
    places: Vec<String>,
    chance: u64,
    puts: usize,
}

impl Side {
    /// Connects, watches everything, and reads every persona once.
    pub async fn new(address: &str, set: &Set) -> Result<Self, Failure> {
        let client = PersonaServiceClient::connect(format!("http://{address}")).await?;
        let mut client = client.max_decoding_message_size(usize::MAX);
        let (mut places, mut read, mut page_token) = (vec![String::new()], 0, String::new());
        loop {
            let page = client.list_personas(list(500, page_token)).await?.into_inner();
            read += page.personas.len();
            page_token = page.next_page_token;
            if page_token.is_empty() {
                // The last place must have a whole page behind it.
                places.truncate(if page.personas.len() < PAGE { places.len() - 1 } else { places.len() });
                break;
            }
            places.push(page_token.clone());
        }
        if read != set.personas {
            return Err(format!("{read} of {} personas are there", set.personas).into());
        }
        let request = pb::WatchPersonasRequest { start: Some(Start::FromNow(true)), ..Default::default() };
        let changes = client.watch_personas(request).await?.into_inner();
        let chance = set.seed as u64;
        Ok(Self { client, changes, set: set.clone(), places, chance, puts: 0 })
    }

    /// Milliseconds that a call takes; of a put also those to the watcher.
    async fn time(&mut self, call: Call) -> Result<(f64, f64), Failure> {
        match call {
            Call::Get | Call::GetFew => {
                let bound = if call == Call::Get { self.set.personas } else { FEW };
                let name = Set::name(below(&mut self.chance, bound));
                let request = pb::GetPersonaRequest { name: name.clone(), ..Default::default() };
                let begun = Instant::now();
                let answer = self.client.get_persona(request).await?.into_inner();
                let took = milliseconds(begun);
                let persona = answer.persona.ok_or("no persona")?;
                if persona.name != name || (persona.size_bytes as usize) < self.set.size {
                    return Err(format!("{name}: another persona").into());
                }
                Ok((took, took))
            }
            Call::List | Call::ListFirst => {
                let at = if call == Call::List { below(&mut self.chance, self.places.len()) } else { 0 };
                let request = list(PAGE, self.places[at].clone());
                let begun = Instant::now();
                let page = self.client.list_personas(request).await?.into_inner();
                let took = milliseconds(begun);
                if page.personas.len() != PAGE {
                    return Err(format!("{} personas on a page", page.personas.len()).into());
                }
                Ok((took, took))
            }
            Call::Put => self.put().await,
        }
    }

    async fn put(&mut self) -> Result<(f64, f64), Failure> {
        let number = below(&mut self.chance, self.set.personas);
        self.puts += 1;
        let content = self.set.document(number, self.puts).into();
        let request = pb::PutPersonaRequest { content, ..Default::default() };
        let begun = Instant::now();
        let put = async {
            let put = self.client.put_persona(request).await?.into_inner();
            Ok::<_, Failure>((put.revision, milliseconds(begun)))
        };
        let told = async {
            loop {
                let message = tokio::time::timeout(PATIENCE, self.changes.message()).await??;
                if let Event::Changes(changes) = message.and_then(|it| it.event).ok_or("the stream ended")? {
                    return Ok::<_, Failure>((changes.revision, milliseconds(begun)));
                }
            }
        };
        let ((revision, answered), (told, seen)) = tokio::try_join!(put, told)?;
        if revision != told {
            return Err(format!("revision {told} was told, and not {revision}").into());
        }
        Ok((answered, seen))
    }
}

/// Milliseconds of a round, sorted: of the large registry and of the small one, of calls and of what a watcher was told.
pub struct Round {
    pub took: [Vec<f64>; 2],
    pub told: [Vec<f64>; 2],
}

/// So many calls of each, in turn.
pub async fn round(sides: &mut [Side; 2], call: Call, count: usize) -> Result<Round, Failure> {
    let (mut took, mut told) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for number in 0..count {
        for side in [number % 2, 1 - number % 2] {
            let (one, other) = sides[side].time(call).await?;
            took[side].push(one);
            told[side].push(other);
        }
    }
    for times in took.iter_mut().chain(&mut told) {
        times.sort_by(f64::total_cmp);
    }
    Ok(Round { took, told })
}

fn list(page_size: usize, page_token: String) -> pb::ListPersonasRequest {
    let page_size = page_size as i32;
    pb::ListPersonasRequest {
        page_size,
        page_token,
        view: pb::PersonaView::Full.into(),
        ..Default::default()
    }
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}
