//! Messages of the pool as protobuf, for tonic.

use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::forward::BrokenOff;

/// Writes any message, reads messages of this type.
pub(crate) struct DynamicCodec(pub(crate) MessageDescriptor);

impl Codec for DynamicCodec {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = DynamicEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> DynamicEncoder {
        DynamicEncoder
    }

    fn decoder(&mut self) -> DynamicDecoder {
        DynamicDecoder(self.0.clone())
    }
}

/// The writing half of [`DynamicCodec`].
pub(crate) struct DynamicEncoder;

impl Encoder for DynamicEncoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message
            .encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

/// The reading half of [`DynamicCodec`].
pub(crate) struct DynamicDecoder(MessageDescriptor);

impl Decoder for DynamicDecoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        DynamicMessage::decode(self.0.clone(), buffer)
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

/// As [`DynamicCodec`], for a client stream that can break off: then its HTTP/2 stream is reset.
pub(crate) struct UploadCodec(pub(crate) MessageDescriptor);

impl Codec for UploadCodec {
    type Encode = Result<DynamicMessage, BrokenOff>;
    type Decode = DynamicMessage;
    type Encoder = UploadEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> UploadEncoder {
        UploadEncoder
    }

    fn decoder(&mut self) -> DynamicDecoder {
        DynamicDecoder(self.0.clone())
    }
}

/// The writing half of [`UploadCodec`].
pub(crate) struct UploadEncoder;

impl Encoder for UploadEncoder {
    type Item = Result<DynamicMessage, BrokenOff>;
    type Error = Status;

    fn encode(&mut self, message: Self::Item, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let message = message.map_err(|broken_off| Status::cancelled(broken_off.to_string()))?;
        DynamicEncoder.encode(message, buffer)
    }
}
