// Zeroed memory on cache-line boundaries.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace pymlp {

constexpr std::ptrdiff_t cache_line = 64;  // bytes

template <class T>
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(std::ptrdiff_t size) : size_(size) {
        if (size < 0 || size > PTRDIFF_MAX / 2 / static_cast<std::ptrdiff_t>(sizeof(T)))
            throw std::bad_alloc();
        const std::size_t bytes =
            (static_cast<std::size_t>(size) * sizeof(T) + cache_line - 1) / cache_line * cache_line;
        data_.reset(static_cast<T*>(std::aligned_alloc(cache_line, bytes + cache_line)));
        if (!data_) throw std::bad_alloc();
        std::memset(data_.get(), 0, bytes);
    }
    T* data() { return data_.get(); }
    const T* data() const { return data_.get(); }
    std::ptrdiff_t size() const { return size_; }

  private:
    struct Free {
        void operator()(T* p) const { std::free(p); }
    };
    std::unique_ptr<T, Free> data_;
    std::ptrdiff_t size_ = 0;
};

}  // namespace pymlp
