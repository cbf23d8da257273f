//! `--filter` of list and watch: what it selects, and where a bad one goes wrong.

use crate::harness::{Server, delete, put};
use crate::program::{Program, beside, run};
use persona_registry::wire::pb;

fn labelled(name: &str, team: &str) -> pb::PutPersonaRequest {
    let text = format!(
        "---\nname: {name}\ndescription: Use in tests.\nlabels: {{team: {team}}}\n---\n# {name}\n\nx\n"
    );
    pb::PutPersonaRequest { content: text.into_bytes().into(), ..Default::default() }
}

#[tokio::test]
async fn a_filter_selects_and_what_no_longer_matches_has_left() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.put_persona(labelled("a", "payments")).await.unwrap();
    client.put_persona(labelled("b", "search")).await.unwrap();
    client.put_persona(put("c", "1")).await.unwrap();
    let filter = "labels.team = \"payments\"";
    let listed = run(beside(server.address, &["list", "--filter", filter, "-o", "json"])).await;
    assert_eq!(listed.out.lines().count(), 1, "{}", listed.out);
    assert!(listed.out.contains("\"name\":\"a\""), "{}", listed.out);
    let none = run(beside(server.address, &["list", "--filter", "labels.team = ops"])).await;
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""));
    assert!(none.err.starts_with("no personas are selected\n"), "{}", none.err);

    let mut watch = Program::start(beside(server.address, &["watch", "--filter", filter]));
    assert_eq!(watch.out.next().await, "revision 3  present  a  version 1  Use in tests.");
    watch.err.until("changes follow").await;
    client.put_persona(labelled("b", "payments")).await.unwrap();
    assert_eq!(watch.out.next().await, "revision 4  created  b  version 2  Use in tests.");
    client.put_persona(labelled("a", "search")).await.unwrap();
    assert_eq!(watch.out.next().await, "revision 5  left  a  version 1");
    client.delete_persona(delete("b")).await.unwrap();
    assert_eq!(watch.out.next().await, "revision 6  deleted  b  version 2");
    watch.signal("-INT");
    assert_eq!(watch.end().await.code, Some(0));
}

#[tokio::test]
async fn a_filter_that_is_none_is_shown_up_to_where_it_goes_wrong() {
    let server = Server::start().await;
    for command in ["list", "watch"] {
        let ended = run(beside(server.address, &[command, "--filter", "tag = a AND OR b"])).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{}", ended.err);
        assert!(ended.err.starts_with("error[FILTER_INVALID]: "), "{}", ended.err);
        assert!(ended.err.contains("help: it was read up to here: tag = a AND"), "{}", ended.err);
        assert!(ended.err.contains("⟨here⟩"), "{}", ended.err);
    }
}
