//! The macro behind every family (sources, features, pools, detectors): one list of members, and from
//! it the enum, the names a user may write, and the way from name and settings to a member.

/// Why a member could not be made from a name and settings.
#[derive(Debug)]
pub enum MemberError {
    /// No member has this name.
    Unknown,
    /// The settings do not fit: the path of the field inside them, and serde's words.
    Settings { field: String, message: String },
}

/// Writes the enum of a family.
///
/// ```text
/// family! {
///     /// Every detector an experiment can name.
///     pub enum DetectorSpec: Detector { "knn" => Knn(knn::Knn), }
/// }
/// ```
///
/// Each member's config is the variant's only field and implements the trait. The serde form is a map
/// with one key, the member's name. `mod` lines stay outside, where `cargo fmt` sees them.
#[macro_export]
macro_rules! family {
    ($(#[$meta:meta])* pub enum $family:ident: $trait:ident { $($name:literal => $variant:ident($config:ty)),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub enum $family {
            $(#[serde(rename = $name)] $variant($config)),+
        }

        impl $family {
            /// The names a spec may use, in the order of the list.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name of this member.
            pub fn name(&self) -> &'static str {
                match self { $($family::$variant(_) => $name),+ }
            }

            /// The member as its trait.
            pub fn member(&self) -> &dyn $trait {
                match self { $($family::$variant(config) => config),+ }
            }

            /// A member by name, with every default, changed by `settings`.
            pub fn parse(name: &str, settings: &serde_json::Value) -> Result<Self, $crate::family::MemberError> {
                match name {
                    $($name => $crate::family::settings(settings).map($family::$variant),)+
                    _ => Err($crate::family::MemberError::Unknown),
                }
            }
        }
    };
}

/// Decodes the settings of one member.
pub fn settings<T: serde::de::DeserializeOwned>(value: &serde_json::Value) -> Result<T, MemberError> {
    serde_path_to_error::deserialize(value).map_err(|e| {
        let field = e.path().to_string();
        let field = if field == "." { String::new() } else { field };
        MemberError::Settings { field, message: e.into_inner().to_string() }
    })
}
