//! A field of a message, however deep: `task.id`.

use std::borrow::Cow;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

/// A path of fields from a message down to one of them. Every field before the last is a singular message.
#[derive(Clone, Debug)]
pub(crate) struct FieldPath {
    fields: Vec<FieldDescriptor>,
}

impl FieldPath {
    /// The field at a dotted path of proto or JSON names; `None` if there is none.
    pub(crate) fn resolve(message: &MessageDescriptor, dotted: &str) -> Option<Self> {
        let mut fields = Vec::new();
        let mut inside = Some(message.clone());
        for name in dotted.split('.') {
            let field = field(&inside?, name)?;
            inside = match field.kind() {
                Kind::Message(message) if !field.is_list() && !field.is_map() => Some(message),
                _ => None,
            };
            fields.push(field);
        }
        Some(Self { fields })
    }

    /// A field that one segment of a path can hold: a single value, and no message but those that are one in JSON.
    pub(crate) fn single(message: &MessageDescriptor, dotted: &str) -> Option<Self> {
        Self::resolve(message, dotted).filter(|path| {
            let leaf = path.leaf();
            let is_message =
                matches!(leaf.kind(), Kind::Message(message) if !message.full_name().starts_with("google.protobuf."));
            !leaf.is_list() && !leaf.is_map() && !is_message
        })
    }

    /// The field itself.
    pub(crate) fn leaf(&self) -> &FieldDescriptor {
        &self.fields[self.fields.len() - 1]
    }

    /// The fields from the outermost to the leaf.
    pub(crate) fn fields(&self) -> &[FieldDescriptor] {
        &self.fields
    }

    /// The proto names with dots: how errors name the field.
    pub(crate) fn name(&self) -> String {
        let names: Vec<&str> = self.fields.iter().map(FieldDescriptor::name).collect();
        names.join(".")
    }

    /// Whether one of the two contains the other, or they are the same.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.fields.iter().zip(&other.fields).all(|(one, two)| one == two)
    }

    /// A field that the message has and that would be cleared by setting this one: another of its oneof, or of that of
    /// a message around it.
    pub(crate) fn rival(&self, message: &DynamicMessage) -> Option<FieldDescriptor> {
        let mut inside = Cow::Borrowed(message);
        for field in &self.fields {
            if let Some(sibling) = sibling(field, &inside) {
                return Some(sibling);
            }
            if !inside.has_field(field) {
                return None;
            }
            inside = Cow::Owned(inside.get_field(field).as_message()?.clone());
        }
        None
    }

    /// Sets the field, making the messages around it.
    pub(crate) fn set(&self, message: &mut DynamicMessage, value: Value) {
        *self.slot(message) = value;
    }

    /// Appends to the field, which must be repeated.
    pub(crate) fn push(&self, message: &mut DynamicMessage, value: Value) {
        if let Value::List(values) = self.slot(message) {
            values.push(value);
        }
    }

    /// The field's value; `None` if a message around it is absent.
    pub(crate) fn get(&self, message: &DynamicMessage) -> Option<Value> {
        let mut value = Cow::Borrowed(message);
        let (leaf, around) = self.fields.split_last()?;
        for field in around {
            if !value.has_field(field) {
                return None;
            }
            value = Cow::Owned(value.get_field(field).as_message()?.clone());
        }
        Some(value.get_field(leaf).into_owned())
    }

    fn slot<'message>(&self, message: &'message mut DynamicMessage) -> &'message mut Value {
        let (around, leaf) = self.fields.split_at(self.fields.len() - 1);
        let mut inside = message;
        for field in around {
            #[expect(
                clippy::expect_used,
                reason = "`resolve` lets only singular messages stand before the last field"
            )]
            let next = inside.get_field_mut(field).as_message_mut().expect("a message");
            inside = next;
        }
        inside.get_field_mut(&leaf[0])
    }
}

/// Another field of the field's oneof that the message has.
pub(crate) fn sibling(field: &FieldDescriptor, message: &DynamicMessage) -> Option<FieldDescriptor> {
    let oneof = field.containing_oneof()?;
    oneof.fields().find(|other| other != field && message.has_field(other))
}

/// A field by its JSON name or its proto name.
pub(crate) fn field(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message
        .get_field_by_json_name(name)
        .or_else(|| message.get_field_by_name(name))
}
