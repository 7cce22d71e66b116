//! Messages of the pool as protobuf, for tonic.

use std::sync::Arc;

use bytes::{Buf as _, BufMut as _, Bytes};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::{forward::BrokenOff, json_writer::JsonWriter, received::Received, rpc::Rpc};

/// Buffers that begin with 1 KiB, which most messages fit, where tonic's begin with 8, and grow for the others. What a
/// stream has ready is sent at 32 KiB, as by default.
fn of_small_messages() -> BufferSettings {
    BufferSettings::new(1024, 32 * 1024)
}

/// Writes messages that are encoded already, because a call may be made again, and reads the answers of a method.
pub(crate) struct EncodedCodec(pub(crate) DynamicDecoder);

impl Codec for EncodedCodec {
    type Encode = Bytes;
    type Decode = Received;
    type Encoder = EncodedEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> EncodedEncoder {
        EncodedEncoder
    }

    fn decoder(&mut self) -> DynamicDecoder {
        self.0.clone()
    }
}

/// The writing half of [`EncodedCodec`].
pub(crate) struct EncodedEncoder;

impl Encoder for EncodedEncoder {
    type Item = Bytes;
    type Error = Status;

    fn buffer_settings(&self) -> BufferSettings {
        of_small_messages()
    }

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

/// The reading half of [`EncodedCodec`].
#[derive(Clone)]
pub(crate) struct DynamicDecoder {
    message: MessageDescriptor,
    json: Option<Arc<JsonWriter>>,
}

impl DynamicDecoder {
    /// Reads the answers of this method.
    pub(crate) fn of(rpc: &Rpc) -> Self {
        Self {
            message: rpc.method.output(),
            json: rpc.json.clone(),
        }
    }
}

impl Decoder for DynamicDecoder {
    type Item = Received;
    type Error = Status;

    fn buffer_settings(&self) -> BufferSettings {
        of_small_messages()
    }

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Received>, Status> {
        let wire = buffer.copy_to_bytes(buffer.remaining());
        Received::new(&self.message, self.json.as_deref(), wire)
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

/// As [`EncodedCodec`], for a client stream that can break off: then its HTTP/2 stream is reset.
pub(crate) struct UploadCodec(pub(crate) DynamicDecoder);

impl Codec for UploadCodec {
    type Encode = Result<DynamicMessage, BrokenOff>;
    type Decode = Received;
    type Encoder = UploadEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> UploadEncoder {
        UploadEncoder
    }

    fn decoder(&mut self) -> DynamicDecoder {
        self.0.clone()
    }
}

/// The writing half of [`UploadCodec`].
pub(crate) struct UploadEncoder;

impl Encoder for UploadEncoder {
    type Item = Result<DynamicMessage, BrokenOff>;
    type Error = Status;

    fn encode(&mut self, message: Self::Item, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let message = message.map_err(|broken_off| Status::cancelled(broken_off.to_string()))?;
        message
            .encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }
}
