/**
 * What is small costs a link by the write, not by the byte. As they are, noise writes a length and then what it measures, and
 * yamux answers each frame that it reads by giving its window back: four writes to the socket where one says it all. And noise
 * learns from an error, stack and all, that it has read all there is.
 */
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface';

/** The encrypter, made so that what it sends at once is one write, and what it reads throws nothing. */
export const inOneWrite =
  <Components>(make: (components: Components) => ConnectionEncrypter) =>
  (components: Components): ConnectionEncrypter => {
    const made = make(components);
    const { secureOutbound, secureInbound } = made;
    made.secureOutbound = async (connection, options) =>
      calm(await secureOutbound.call(made, joined(connection), options));
    made.secureInbound = async (connection, options) =>
      calm(await secureInbound.call(made, joined(connection), options));
    return made;
  };

function joined<Connection extends MessageStream>(connection: Connection): Connection {
  const send = connection.send.bind(connection);
  connection.send = (data) => send(data.subarray());
  return connection;
}

/** Of noise's connections, where they still have it. */
type DecoderOwner = { decoder?: { lengthDecoder?: (data: { byteLength: number }) => number } };

const lengthBytes = 2;
const lengthMax = 0xffff;

/** Where a length is not there yet, it is one that surely has not come: that ends the reading as an error does. */
function calm<Secured extends { connection: MessageStream }>(secured: Secured): Secured {
  const { decoder } = secured.connection as DecoderOwner;
  const decode = decoder?.lengthDecoder;
  if (decoder !== undefined && decode !== undefined) {
    decoder.lengthDecoder = (data) => (data.byteLength < lengthBytes ? lengthMax : decode(data));
  }
  return secured;
}

/** Of yamux's streams, where they still have it. */
type WindowOwner = {
  recvWindow?: unknown;
  recvWindowCapacity?: unknown;
  sendWindowUpdate?: () => void;
};

/** The stream gives its window back when half of it is used up, which is early enough. */
export function sparingOfWindowUpdates<Stream extends object>(stream: Stream): Stream {
  const owner = stream as WindowOwner;
  const update = owner.sendWindowUpdate;
  if (update === undefined || typeof owner.recvWindow !== 'number') return stream;
  let isBegun = false;
  owner.sendWindowUpdate = () => {
    const used = Number(owner.recvWindow) - Number(owner.recvWindowCapacity);
    // The first one may carry the stream's beginning.
    if (isBegun && used * 2 < Number(owner.recvWindow)) return;
    isBegun = true;
    update.call(stream);
  };
  return stream;
}
