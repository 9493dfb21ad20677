//! Tokens: which of those that the module shows a URI means.

use cryptoki::slot::{Slot, SlotInfo, TokenInfo};

use super::failed;
use super::module::Module;
use crate::error::{Pkcs11Error, Tries};
use crate::limits::{LISTED, TOKENS};
use crate::uri::Pkcs11Uri;
use crate::{Access, TokenDescription};

/// A token in its slot.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) module: Module,
    pub(super) slot: Slot,
    slot_info: SlotInfo,
    info: TokenInfo,
}

impl Token {
    /// The one token that the URI means.
    pub(super) fn find(uri: &Pkcs11Uri, access: &Access<'_>) -> Result<Self, Pkcs11Error> {
        let all = Self::all(uri, access)?;
        let names = |tokens: &[&Self]| tokens.iter().take(LISTED).map(|token| token.long_name()).collect();
        let there = names(&all.iter().collect::<Vec<_>>());
        let mut matching: Vec<_> = all.into_iter().filter(|token| token.matches(uri)).collect();
        let one = matching.pop();
        match (one, matching.as_slice()) {
            (Some(one), []) => Ok(one),
            (None, _) => Err(Pkcs11Error::NoToken { wanted: wanted(uri), there }),
            (Some(one), others) => Err(Pkcs11Error::SeveralTokens {
                wanted: wanted(uri),
                found: names(&others.iter().chain([&one]).collect::<Vec<_>>()),
            }),
        }
    }

    /// Every token of the URI's module that somebody has set up.
    pub(super) fn all(uri: &Pkcs11Uri, access: &Access<'_>) -> Result<Vec<Self>, Pkcs11Error> {
        let module = Module::of(uri, access)?;
        if !module_matches(uri, &module)? {
            return Ok(Vec::new());
        }
        let slots = module.context.get_slots_with_token().map_err(failed("listing tokens"))?;
        if slots.len() > TOKENS {
            return Err(Pkcs11Error::TooMany { what: "tokens", limit: TOKENS });
        }
        let mut tokens = Vec::new();
        for slot in slots {
            // A reader whose token cannot be read must not hide the others.
            let Ok(info) = module.context.get_token_info(slot) else { continue };
            let slot_info = module.context.get_slot_info(slot).map_err(failed("reading about a slot"))?;
            if info.token_initialized() {
                tokens.push(Self { module: module.clone(), slot, slot_info, info });
            }
        }
        Ok(tokens)
    }

    pub(super) fn matches(&self, uri: &Pkcs11Uri) -> bool {
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| unpadded(wanted) == unpadded(found))
        };
        same(&uri.token, self.info.label())
            && same(&uri.manufacturer, self.info.manufacturer_id())
            && same(&uri.model, self.info.model())
            && same(&uri.serial, self.info.serial_number())
            && same(&uri.slot_description, self.slot_info.slot_description())
            && same(&uri.slot_manufacturer, self.slot_info.manufacturer_id())
            && uri.slot_id.is_none_or(|slot| slot == self.slot.id())
    }

    /// What the token says of itself now: its flags change when it is used.
    pub(super) fn now(&self) -> Result<TokenInfo, Pkcs11Error> {
        self.module.context.get_token_info(self.slot).map_err(failed("reading about the token"))
    }

    /// How errors and prompts call it.
    pub(super) fn name(&self) -> String {
        format!("token {:?}", unpadded(self.info.label()))
    }

    fn long_name(&self) -> String {
        format!(
            "{:?} (serial {:?}, slot-id {})",
            self.info.label(),
            self.info.serial_number(),
            self.slot.id()
        )
    }

    /// The same token in a URI, by what does not change: its serial number and label, and its module.
    pub(super) fn uri(&self) -> Pkcs11Uri {
        let text = |text: &str| Some(unpadded(text).to_owned());
        Pkcs11Uri {
            token: text(self.info.label()),
            serial: text(self.info.serial_number()),
            module_path: Some(self.module.path.clone()),
            ..Pkcs11Uri::default()
        }
    }

    pub(super) fn description(&self) -> TokenDescription {
        TokenDescription {
            uri: self.uri(),
            slot: self.slot.id(),
            label: unpadded(self.info.label()).to_owned(),
            manufacturer: unpadded(self.info.manufacturer_id()).to_owned(),
            model: unpadded(self.info.model()).to_owned(),
            serial: unpadded(self.info.serial_number()).to_owned(),
            module: self.module.path.clone(),
            tries: tries(&self.info),
        }
    }
}

/// A text without what it is filled up with: blanks, or what some modules take for it.
fn unpadded(text: &str) -> &str {
    text.trim_end_matches([' ', '\0'])
}

/// What a token says about the tries that are left.
pub(super) fn tries(info: &TokenInfo) -> Tries {
    if info.user_pin_locked() {
        Tries::Locked
    } else if info.user_pin_final_try() {
        Tries::Last
    } else if info.user_pin_count_low() {
        Tries::Low
    } else {
        Tries::Untold
    }
}

fn module_matches(uri: &Pkcs11Uri, module: &Module) -> Result<bool, Pkcs11Error> {
    if uri.library_manufacturer.is_none()
        && uri.library_description.is_none()
        && uri.library_version.is_none()
    {
        return Ok(true);
    }
    let info = module.context.get_library_info().map_err(failed("reading about the module"))?;
    let same = |wanted: &Option<String>, found: &str| {
        wanted.as_deref().is_none_or(|wanted| unpadded(wanted) == unpadded(found))
    };
    let version = (info.library_version().major(), info.library_version().minor());
    Ok(same(&uri.library_manufacturer, info.manufacturer_id())
        && same(&uri.library_description, info.library_description())
        && uri.library_version.is_none_or(|wanted| wanted == version))
}

/// The part of the URI that is about the token.
fn wanted(uri: &Pkcs11Uri) -> String {
    let mut uri = uri.clone();
    (uri.object, uri.id, uri.kind, uri.pin) = (None, None, None, None);
    (uri.module_path, uri.module_name) = (None, None);
    uri.to_string()
}
