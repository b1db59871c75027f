//! The macro behind every family (sources, features, pools, detectors). One list of members gives
//! the enum, the names for users, and the parsing of name and settings to a member.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

/// The reason why a name and settings do not give a member.
#[derive(Debug)]
pub enum MemberError {
    /// No member has this name.
    Unknown,
    /// The settings do not fit: the path of the field inside them, and serde's message.
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
/// Each member's config is the variant's only field and implements the trait. The serde form is a
/// map with one key, the member's name. `mod` lines stay outside, where `cargo fmt` sees them.
#[macro_export]
macro_rules! family {
    (
        $(#[doc = $doc:literal])*
        pub enum $family:ident: $trait:ident { $($name:literal => $variant:ident($config:ty)),+ $(,)? }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[allow(clippy::large_enum_variant, reason = "a spec has a few of them")]
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

            /// A member by name: its defaults, changed by `settings`.
            pub fn parse(name: &str, settings: &serde_json::Value) -> Result<Self, $crate::family::MemberError> {
                match name {
                    $($name => $crate::family::settings(settings).map($family::$variant),)+
                    _ => Err($crate::family::MemberError::Unknown),
                }
            }

            /// The description of the settings of the member with this name.
            pub fn described(name: &str) -> Option<&'static $crate::family::Described> {
                match name {
                    $($name => {
                        static DESCRIBED: std::sync::OnceLock<$crate::family::Described> = std::sync::OnceLock::new();
                        Some(DESCRIBED.get_or_init($crate::family::Described::of::<$config>))
                    })+
                    _ => None,
                }
            }
        }

        impl schemars::JsonSchema for $family {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($family).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let about = concat!($($doc, "\n"),*);
                let members: &[$crate::family::Member] = &[$(($name, |g| g.subschema_for::<$config>())),+];
                $crate::family::schema(generator, stringify!($family), about, members)
            }
        }
    };
}

/// A word from the user's data in a spec. YAML reads `00` and `6` as numbers.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
pub enum Word {
    Text(String),
    Number(f64),
}

/// Decodes the settings of one member.
pub fn settings<T: DeserializeOwned>(value: &serde_json::Value) -> Result<T, MemberError> {
    serde_path_to_error::deserialize(value).map_err(|e| {
        let field = e.path().to_string();
        let field = if field == "." { String::new() } else { field };
        MemberError::Settings { field, message: e.into_inner().to_string() }
    })
}

/// The name of a member, and the function for the schema of its settings.
pub type Member = (&'static str, fn(&mut SchemaGenerator) -> Schema);

/// The schema of a family: an object whose only key is a member's name. Editors complete and
/// explain the names of such an object. `x-family` is the name of the enum.
///
/// Families contain each other (an embedding has a detector). So where schemas are nested, as in
/// [`Described`], a family is only its name.
pub fn schema(
    generator: &mut SchemaGenerator,
    name: &str,
    about: &str,
    members: &[Member],
) -> Schema {
    if generator.settings().inline_subschemas {
        return json_schema!({ "x-family": name });
    }
    // A name without settings, `knn:`, means the defaults.
    let settings = |schema: &Schema| json_schema!({ "anyOf": [schema, { "type": "null" }] });
    let properties: Map<String, Value> = members
        .iter()
        .map(|(name, make)| ((*name).to_owned(), settings(&make(generator)).into()))
        .collect();
    json_schema!({
        "description": about.trim(),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        // On the object itself, editors would stop completing names because of it.
        "allOf": [{ "maxProperties": 1 }],
        "x-family": name,
    })
}

/// The description of a config's settings.
pub struct Described {
    /// The settings in the order of their declaration.
    pub fields: &'static [&'static str],
    /// The JSON Schema, without references: each setting contains its own schema.
    pub schema: Value,
}

impl Described {
    /// The description of a config.
    pub fn of<T: JsonSchema + DeserializeOwned>() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
        Self {
            fields: fields::<T>(),
            schema: settings.into_generator().into_root_schema_for::<T>().into(),
        }
    }
}

/// The settings of a config, or the choices of an enum, in the order of their declaration. These
/// are the names that serde asks for.
pub fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut asked: &'static [&'static str] = &[];
    // The deserializer yields nothing, so this is always an error.
    let _ = T::deserialize(Asked(&mut asked));
    asked
}

/// A deserializer that yields nothing and records the requested fields.
struct Asked<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Error::custom("nothing is here"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        choices: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = choices;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// Adds the setting `preset` to the schema of a config that may be written with one.
pub fn with_preset<P: JsonSchema>(schema: &mut Schema) {
    let mut preset = SchemaGenerator::default().into_root_schema_for::<P>();
    for key in ["$schema", "title"] {
        preset.remove(key);
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert("preset".into(), preset.into());
    }
}
