#include "decode/relation_cache.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"

namespace luge {

RelationCache::Entry& RelationCache::put(Xid32 stream_xid, Xid32 subxid, RelationMessage message) {
  last_found_ = {};
  const RelationOid oid = message.oid;
  Received received{{std::move(message), nullptr}, subxid, ++received_};
  if (stream_xid == 0) return shared_.insert_or_assign(oid, std::move(received)).first->second.entry;
  Overlay& overlay = overlays_[stream_xid];
  Received& stored = overlay.log.emplace_back(std::move(received));
  overlay.newest[oid] = &stored;
  return stored.entry;
}

RelationCache::Entry* RelationCache::find(Xid32 stream_xid, RelationOid oid) {
  if (last_found_.entry != nullptr && last_found_.oid == oid && last_found_.stream_xid == stream_xid) return last_found_.entry;
  Entry* entry = nullptr;
  if (stream_xid == 0) {
    if (const auto found = shared_.find(oid); found != shared_.end()) entry = &found->second.entry;
  } else if (const auto overlay = overlays_.find(stream_xid); overlay != overlays_.end()) {
    if (const auto found = overlay->second.newest.find(oid); found != overlay->second.newest.end()) entry = &found->second->entry;
  }
  last_found_ = {stream_xid, oid, entry};
  return entry;
}

void RelationCache::set_schema(Xid32 stream_xid, RelationOid oid, TableSchemaPtr schema) {
  Entry* entry = find(stream_xid, oid);
  ENSURE(entry != nullptr, "a schema for a relation that the stream has not described");
  entry->schema = std::move(schema);
}

void RelationCache::stream_committed(Xid32 xid) {
  const auto overlay = overlays_.find(xid);
  if (overlay == overlays_.end()) return;
  last_found_ = {};
  for (auto& [oid, received] : overlay->second.newest) {
    Received& shared = shared_[oid];  // a new one has order 0
    if (shared.order < received->order) shared = std::move(*received);
  }
  overlays_.erase(overlay);
}

void RelationCache::stream_aborted(Xid32 xid, Xid32 subxid) {
  const auto found = overlays_.find(xid);
  if (found == overlays_.end()) return;
  last_found_ = {};
  if (subxid == xid) {
    overlays_.erase(found);
    return;
  }
  Overlay& overlay = found->second;
  const auto first = std::find_if(overlay.log.begin(), overlay.log.end(), [&](const Received& received) { return received.subxid == subxid; });
  overlay.log.erase(first, overlay.log.end());  // at the end of a deque: the others stay where they are
  overlay.newest.clear();
  for (Received& received : overlay.log) overlay.newest[received.entry.message.oid] = &received;
}

void RelationCache::clear() {
  shared_.clear();
  overlays_.clear();
  last_found_ = {};
}

}  // namespace luge
