#include "services/contacts/chunk_place.h"

#include <algorithm>
#include <utility>

namespace kabar::contacts {
namespace {

// Of two lists in the order of their keys.
template <typename T>
bool Meet(const std::vector<T>& a, const std::vector<T>& b, std::string T::*key) {
  auto i = a.begin();
  for (const T& other : b) {
    while (i != a.end() && (*i).*key < other.*key) ++i;
    if (i == a.end()) return false;
    if ((*i).*key == other.*key) return true;
  }
  return false;
}

bool NamesBsuids(const ImportChunk& chunk) {
  return std::any_of(chunk.contacts.begin(), chunk.contacts.end(),
                     [](const ContactUpsert& contact) { return !contact.bsuid.empty(); });
}

}  // namespace

void ChunkPlace::SetChunk(std::shared_ptr<const ImportChunk> chunk) {
  const std::lock_guard<std::mutex> lock(mutex_);
  chunk_ = std::move(chunk);
}

void ChunkPlace::SetUnderWay(const std::vector<std::string>& known_people) {
  const std::lock_guard<std::mutex> lock(mutex_);
  people_ = {known_people.begin(), known_people.end()};
  state_ = State::kUnderWay;
  changed_.notify_all();
}

void ChunkPlace::SetOver(bool written) {
  const std::lock_guard<std::mutex> lock(mutex_);
  chunk_.reset();
  people_.clear();
  state_ = written ? State::kWritten : State::kFailed;
  changed_.notify_all();
}

bool ChunkPlace::AwaitUnderWay() const {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return state_ != State::kAhead; });
  return state_ == State::kUnderWay;
}

bool ChunkPlace::AwaitOver() const {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return state_ == State::kWritten || state_ == State::kFailed; });
  return state_ == State::kWritten;
}

bool ChunkPlace::Apart(const ImportChunk& other) const {
  std::shared_ptr<const ImportChunk> mine;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    mine = chunk_;
  }
  if (mine == nullptr) return false;
  return !NamesBsuids(*mine) && !NamesBsuids(other) &&
         !Meet(mine->contacts, other.contacts, &ContactUpsert::phone) &&
         !Meet(mine->shipments, other.shipments, &ShipmentUpsert::tracking_number);
}

bool ChunkPlace::IsAbout(const std::vector<std::string>& contacts) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::any_of(contacts.begin(), contacts.end(),
                     [&](const std::string& id) { return people_.contains(id); });
}

}  // namespace kabar::contacts
