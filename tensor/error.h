// The exceptions that Lamina throws when it is called wrongly.
//
// Every text begins with the operation in brackets and says what was wanted and what came:
//   [matmul] expected a.shape[-1] == b.shape[-2], got (2, 3) and (4, 5)
// Files, protos and data sets never throw: those functions return absl::Status.
#ifndef LAMINA_TENSOR_ERROR_H_
#define LAMINA_TENSOR_ERROR_H_

#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"

namespace lamina {

// The base of all exceptions of this library.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
class ShapeError : public Error {  // shapes that do not fit together
 public:
  using Error::Error;
};
class DTypeError : public Error {  // a dtype that the operation does not take
 public:
  using Error::Error;
};
class IndexError : public Error {  // a dimension or an element outside its range
 public:
  using Error::Error;
};
class ValueError : public Error {  // an argument outside its domain
 public:
  using Error::Error;
};
class RuntimeError
    : public Error {  // a call at the wrong time: a consumed graph, an undefined tensor
 public:
  using Error::Error;
};
class InternalError : public Error {  // a bug of ours
 public:
  using Error::Error;
};

namespace internal {
// The operation that the errors of this thread name whoever throws them; null outside of OpScope.
inline thread_local const char* op_in_scope = nullptr;
}  // namespace internal

// For an operation that is made of others: while one lives, the errors of this thread name `op`
// instead of the part that throws them. The outermost one counts.
class OpScope {
 public:
  explicit OpScope(const char* op) : outer_(internal::op_in_scope) {
    if (outer_ == nullptr) internal::op_in_scope = op;
  }
  ~OpScope() { internal::op_in_scope = outer_; }
  OpScope(const OpScope&) = delete;
  OpScope& operator=(const OpScope&) = delete;

 private:
  const char* const outer_;
};

// Throws E("[op] part part ..."); kept out of line so that the checks around it stay cheap.
template <class E, class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(const char* op, const Parts&... parts) {
  const char* const outer = internal::op_in_scope;
  throw E(absl::StrCat("[", outer != nullptr ? outer : op, "] ", parts...));
}

namespace internal {
[[noreturn, gnu::cold]] void internal_check_failed(const char* condition, const char* file,
                                                   int line);
}  // namespace internal

}  // namespace lamina

// States what must hold if Lamina itself is right; throws InternalError otherwise.
#define LAMINA_INTERNAL_CHECK(condition) \
  ((condition) ? void() : ::lamina::internal::internal_check_failed(#condition, __FILE__, __LINE__))

#endif  // LAMINA_TENSOR_ERROR_H_
