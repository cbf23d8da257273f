//! Somebody who calls as one should, beside the abuse: every answer is looked at, and timed.

use std::time::{Duration, Instant};

use persona_registry::client::{Client, Options, TlsOptions, Token};
use persona_registry::wire::pb;
use tokio::sync::watch;

use super::Target;

pub const NAME: &str = "honest";
/// Between two calls.
const PACE: Duration = Duration::from_millis(2);
/// So many reads a write.
const WRITES: usize = 50;

/// Connects, and writes what is read from then on.
pub async fn connect(target: &Target) -> Client {
    let options = Options {
        // What is lost is to be seen, not tried again.
        retries: 0,
        tls: TlsOptions { ca_cert: target.ca.clone(), ..TlsOptions::default() },
        token: target.auth.then(|| Token::Text(target.tokens.good.clone())),
        ..Options::default()
    };
    let scheme = if target.ca.is_some() { "https" } else { "http" };
    let server = format!("{scheme}://{}", target.address).parse().unwrap();
    let client = Client::connect(&server, options).await.unwrap();
    write(&client, 0).await;
    client
}

async fn write(client: &Client, number: usize) {
    let text = format!("---\nname: {NAME}\ndescription: Use in tests.\n---\nNumber {number}.\n");
    let request = pb::PutPersonaRequest { content: text.into_bytes().into(), ..Default::default() };
    client.put(request).await.unwrap();
}

/// Calls until it is told to stop, at least once; how long each read took, in milliseconds.
pub async fn calls(client: &Client, stop: &mut watch::Receiver<bool>) -> Vec<f64> {
    let (mut took, mut written) = (Vec::new(), 0);
    write(client, written).await;
    loop {
        let request = pb::GetPersonaRequest {
            name: NAME.to_owned(),
            view: pb::PersonaView::Full.into(),
            ..Default::default()
        };
        let begun = Instant::now();
        let persona = client.read(request).await.expect("an honest call is answered");
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
        assert_eq!((persona.name.as_str(), persona.body), (NAME, format!("Number {written}.\n")));
        if took.len().is_multiple_of(WRITES) {
            written += 1;
            write(client, written).await;
        }
        if *stop.borrow_and_update() {
            return took;
        }
        tokio::time::sleep(PACE).await;
    }
}

/// The value below which so many of a hundred are.
pub fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent).div_ceil(100) - 1]
}
