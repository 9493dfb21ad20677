//! The flags about registries: whom they hold for, and whom not.

use waxseal_testkit::{Behaviour, Match, Registry, fixtures};

use crate::room::{Room, image};

#[test]
fn the_server_of_a_key_goes_by_nothing_that_was_said_of_a_registry() {
    let (room, registry) = (Room::new(), Registry::start());
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    let keys = Registry::start_tls();
    let body = fixtures::public_key_pem("p256").into();
    keys.rule(Match::get("/key.pub"), Behaviour::Status { code: 200, headers: Vec::new(), body });
    let authority = room.write("ca.pem", keys.ca_pem());
    let address = keys.url("/key.pub");
    for flags in [&[][..], &["--allow-insecure-registry"], &["--registry-cacert", &authority]] {
        let mut arguments = vec!["verify", "--key", &address];
        arguments.extend(flags);
        arguments.push(&name);
        room.run(&arguments).ends(3).prints_nothing().says_each(&["[tls]", "SSL_CERT_FILE"]);
    }
    assert_eq!(keys.lines(), [""; 0]);
    let room = room.variable("SSL_CERT_FILE", authority);
    room.run(&["verify", "--key", &address, &name]).ends(0);
    assert_eq!(keys.lines().len(), 1);
}
