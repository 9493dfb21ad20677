//! `waxseal man`.

use clap::{Command, CommandFactory as _};

use crate::args::Cli;
use crate::args::man::ManArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::output::{self, escape};

/// Prints the manual page of the program, or writes every page.
pub(crate) fn run(args: &ManArgs) -> Result<Exit, Fault> {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = &args.dir else {
        output::raw(&page(command)?)?;
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(folder).map_err(|error| Fault::file(folder, "made", &error))?;
    let mut all = Vec::new();
    collect(command, "waxseal".to_owned(), &mut all);
    let count = all.len();
    for (name, command) in all {
        file::write(&folder.join(format!("{name}.1")), &page(command)?)?;
    }
    output::talk(&format!("wrote {count} pages to {}", escape(&folder.display().to_string())));
    Ok(Exit::Done)
}

/// A command and those below it, each with the name of its page.
fn collect(command: Command, name: String, all: &mut Vec<(String, Command)>) {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        let name = format!("{name}-{}", below.get_name());
        collect(below.clone(), name, all);
    }
    all.push((name, command));
}

fn page(command: Command) -> Result<Vec<u8>, Fault> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}
