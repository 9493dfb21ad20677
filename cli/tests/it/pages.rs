//! Completion scripts and manual pages.

use crate::room::Room;

#[test]
fn every_shell_has_a_script() {
    let room = Room::new();
    for (shell, mark) in [
        ("bash", "_waxseal()"),
        ("zsh", "#compdef waxseal"),
        ("fish", "complete -c waxseal"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        let ran = room.run(&["completion", shell]).ends(0);
        assert!(ran.data().contains(mark) && ran.data().contains("generate-key-pair"), "{shell}");
        assert_eq!(ran.stderr, "");
    }
    room.run(&["completion", "tcsh"]).ends(2);
}

#[test]
fn every_command_has_a_page() {
    let room = Room::new();
    let page = room.run(&["man"]).ends(0).data().to_owned();
    assert!(page.contains(".TH waxseal 1") && page.contains("waxseal\\-sign"), "{page}");

    let folder = room.path("man").display().to_string();
    room.run(&["man", "--dir", &folder]).ends(0).says_each(&["pages to"]);
    for (name, words) in [
        ("waxseal", "Sign and verify"),
        ("waxseal-sign", "\\-\\-recursive"),
        ("waxseal-attach-signature", "\\-\\-payload"),
        ("waxseal-download-signature", "\\-\\-platform"),
    ] {
        let page = room.text(&format!("man/{name}.1"));
        assert!(page.contains(&format!(".TH {name} 1")) && page.contains(words), "{name}: {page}");
    }
}
