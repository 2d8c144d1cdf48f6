#include "lamina/nn/data/csv.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lamina/nn/data/csv_column.h"
#include "lamina/nn/data/csv_number.h"
#include "lamina/nn/data/csv_text.h"
#include "lamina/nn/data/input_file.h"

namespace lamina::nn::data {
namespace {

constexpr int64_t kProgressBytes = 16 << 20;
constexpr size_t kErrorsKept = 5;

// 'abc', with escapes for what is not printable, cut after 40 bytes.
std::string in_quotes(absl::string_view text) {
  constexpr size_t kMost = 40;
  return absl::StrCat("'", absl::Utf8SafeCEscape(text.substr(0, kMost)), "'",
                      text.size() > kMost ? "..." : "");
}

class Reader {
 public:
  Reader(InputFile file, const CsvOptions& options);
  absl::StatusOr<Table> read();

 private:
  absl::Status read_names();
  absl::Status restart();
  absl::StatusOr<bool> read_rows();  // false if it has to be done again
  bool skip_empty_line(const char*& at);
  bool read_row(const char*& at, std::vector<std::string>* names);
  const char* scan_cell(const char* at, absl::string_view* cell);
  const char* scan_unquoted(const char* at);
  void store(CsvColumn& column, absl::string_view cell);
  void drop_row();
  absl::Status refuse_row(const std::string& error);
  absl::Status unclosed_quote() const;
  void reserve(const char* at);
  bool has_mixed() const {
    return std::any_of(columns_.begin(), columns_.end(),
                       [](const CsvColumn& column) { return column.kind == CsvColumn::kMixed; });
  }

  template <class... Parts>
  std::string error_at(int64_t line, size_t cell, const Parts&... parts) const {
    return absl::StrCat(text_.file().path(), ":", line, ":", cell + 1, ": ", parts...);
  }
  // Of the cell at hand; the first error of a row counts.
  template <class... Parts>
  void set_error(const Parts&... parts) {
    if (row_error_.empty()) row_error_ = error_at(cell_line_, cell_, parts...);
  }

  CsvText text_;
  const CsvOptions& options_;
  absl::flat_hash_set<std::string> missing_;
  bool numbers_may_be_missing_ = false;  // -999, say
  bool has_short_decimals_ = true;       // for read_short_decimal: the delimiter is no part of one
  bool stops_[256] = {};                 // the bytes that end a cell, and NUL
  std::vector<CsvColumn> columns_;
  int64_t rows_offset_ = 0;  // in the file
  int64_t rows_line_ = 1;
  size_t rows_ = 0;
  int64_t skipped_ = 0;
  std::vector<std::string> first_errors_;

  // Of the row at hand.
  int64_t line_ = 1;
  int64_t next_line_ = 1;
  int64_t cell_line_ = 1;
  size_t cell_ = 0;
  std::string row_error_;    // in its structure
  std::string value_error_;  // a number that is none, or too large
  CsvColumn* value_error_of_ = nullptr;
  std::vector<CsvColumn*> turned_;  // columns of numbers in which it has texts
  std::string unescaped_;
};

Reader::Reader(InputFile file, const CsvOptions& options)
    : text_(std::move(file)),
      options_(options),
      missing_(options.missing.begin(), options.missing.end()) {
  for (const std::string& text : missing_) {
    double value;
    if (parse_number(text, &value) != NumberText::kNone) numbers_may_be_missing_ = true;
  }
  const char d = options.delimiter;
  has_short_decimals_ = !numbers_may_be_missing_ &&
                        !absl::ascii_isdigit(static_cast<unsigned char>(d)) && d != '.' &&
                        d != '-' && d != '+';
  for (char c : {options.delimiter, '\n', '\r', '\0'}) stops_[static_cast<unsigned char>(c)] = true;
}

absl::StatusOr<Table> Reader::read() {
  absl::Status status = read_names();
  if (!status.ok()) return status;
  while (true) {
    status = restart();
    if (!status.ok()) return status;
    const absl::StatusOr<bool> done = read_rows();
    if (!done.ok()) return done.status();
    if (*done) break;
  }
  const CsvColumn* first = nullptr;
  for (const CsvColumn& column : columns_) {
    if (column.error.empty() || column.kind != CsvColumn::kNumbers || options_.skip_bad_rows)
      continue;
    if (first == nullptr || column.error_line < first->error_line) first = &column;
  }
  if (first != nullptr) return absl::InvalidArgumentError(first->error);
  if (rows_ == 0) {
    return absl::InvalidArgumentError(error_at(
        line_, 0, "expected a row of ", columns_.size(), " cells, got the file's end",
        skipped_ == 0 ? "" : absl::StrCat(" after ", skipped_, " bad rows; ", first_errors_[0])));
  }
  Table table;
  table.source = text_.file().path();
  table.rows = static_cast<int64_t>(rows_);
  table.skipped_rows = skipped_;
  table.first_errors = std::move(first_errors_);
  for (CsvColumn& column : columns_) table.columns.push_back(column.finish());
  return table;
}

// Makes a column of each cell of the first row.
absl::Status Reader::read_names() {
  absl::Status status = text_.read_from(0);
  if (!status.ok()) return status;
  const char* at = text_.begin();
  if (std::strncmp(at, "\xef\xbb\xbf", 3) == 0) at += 3;
  std::vector<std::string> names;
  const char* row;
  while (true) {
    while (skip_empty_line(at)) {
    }
    row = at;
    names.clear();
    if (at < text_.end() && read_row(at, &names)) break;
    if (text_.is_last() && row == text_.end()) {
      return absl::InvalidArgumentError(error_at(
          line_, 0, "expected a ", options_.header ? "header" : "row", ", got an empty file"));
    }
    if (text_.is_last()) return unclosed_quote();
    status = text_.read_on(row);
    if (!status.ok()) return status;
    at = text_.begin();
  }
  if (!row_error_.empty()) return absl::InvalidArgumentError(row_error_);

  absl::flat_hash_map<std::string, size_t> places;
  for (size_t i = 0; i < names.size(); ++i) {
    CsvColumn column;
    column.name = options_.header ? names[i] : absl::StrCat(i);
    const auto [first, is_new] = places.emplace(column.name, i);
    if (!is_new) {
      return absl::InvalidArgumentError(error_at(line_, i, "expected names that differ, got ",
                                                 in_quotes(column.name), ", which column ",
                                                 first->second + 1, " has"));
    }
    columns_.push_back(std::move(column));
  }
  for (const auto& [name, type] : options_.types) {
    const auto found = places.find(name);
    if (found == places.end()) {
      Table table;
      table.source = text_.file().path();
      for (const CsvColumn& column : columns_) table.columns.push_back({column.name, {}, {}});
      return table.column(name).status();
    }
    columns_[found->second].is_forced = true;
    columns_[found->second].kind =
        type == ColumnType::kNumeric ? CsvColumn::kNumbers : CsvColumn::kTexts;
  }
  rows_offset_ = text_.offset_of(options_.header ? at : row);
  rows_line_ = options_.header ? next_line_ : line_;
  return absl::OkStatus();
}

absl::Status Reader::restart() {
  rows_ = 0;
  line_ = rows_line_;
  skipped_ = 0;
  first_errors_.clear();
  for (CsvColumn& column : columns_) column.restart(missing_);
  return text_.read_from(rows_offset_);
}

absl::StatusOr<bool> Reader::read_rows() {
  const int64_t size = text_.file().size();
  int64_t next_progress = kProgressBytes;
  bool is_first_block = true;
  const char* at = text_.begin();
  while (true) {
    const char* const row = at;
    if (skip_empty_line(at)) continue;
    if (at == text_.end() || !read_row(at, nullptr)) {
      drop_row();
      if (text_.is_last()) {
        if (row == text_.end()) break;
        return unclosed_quote();
      }
      // Most columns show in the first block what they are.
      if (is_first_block && has_mixed()) return false;
      if (is_first_block) reserve(row);
      is_first_block = false;
      const absl::Status status = text_.read_on(row);
      if (!status.ok()) return status;
      at = text_.begin();
      if (options_.progress != nullptr && text_.file().position() >= next_progress) {
        options_.progress(std::min(text_.file().position(), size), size);
        next_progress = text_.file().position() + kProgressBytes;
      }
      continue;
    }
    if (row_error_.empty() && !turned_.empty()) {
      drop_row();
      for (CsvColumn* column : turned_) column->turn_into_texts(rows_);
      at = row;  // once more
      continue;
    }
    if (!row_error_.empty() || value_error_of_ != nullptr) {
      drop_row();
      if (row_error_.empty() && !value_error_of_->is_forced && !options_.skip_bad_rows) {
        // Whether this is an error shows at the end.
        if (value_error_of_->error.empty()) {
          value_error_of_->error = value_error_;
          value_error_of_->error_line = line_;
        }
      } else {
        const absl::Status status = refuse_row(row_error_.empty() ? value_error_ : row_error_);
        if (!status.ok()) return status;
      }
    } else {
      ++rows_;
    }
    line_ = next_line_;
  }
  if (has_mixed()) return false;
  if (options_.progress != nullptr) options_.progress(size, size);
  return true;
}

bool Reader::skip_empty_line(const char*& at) {
  const bool is_return = *at == '\r' && at + 1 < text_.end();  // else a \n may follow
  if (*at != '\n' && !is_return) return false;
  at += is_return && at[1] == '\n' ? 2 : 1;
  ++line_;
  return true;
}

// Reads the row at `at` up to the next one, into the columns or into `names`. False if it does not end
// in memory. An error leaves the columns with some of its cells.
bool Reader::read_row(const char*& at, std::vector<std::string>* names) {
  row_error_.clear();
  value_error_of_ = nullptr;
  turned_.clear();
  next_line_ = line_;
  const char* next = at;
  for (cell_ = 0;; ++cell_) {
    CsvColumn* const column = cell_ < columns_.size() ? &columns_[cell_] : nullptr;
    double value;
    const char* end = nullptr;
    if (column != nullptr && column->kind == CsvColumn::kNumbers && has_short_decimals_) {
      end = read_short_decimal(next, &value);
    }
    if (end != nullptr && *end != '\0' && stops_[static_cast<unsigned char>(*end)]) {
      column->add_number(value);
      next = end;
    } else {
      cell_line_ = next_line_;
      absl::string_view cell;
      next = scan_cell(next, &cell);
      if (next == nullptr) return false;
      if (names != nullptr) names->emplace_back(cell);
      if (column != nullptr && names == nullptr) store(*column, cell);
    }
    if (*next != options_.delimiter) break;
    ++next;
  }
  if (*next == '\r') {
    if (next + 1 == text_.end()) return false;  // is there a \n?
    if (next[1] == '\n') ++next;
  }
  at = next + 1;
  const size_t cells = cell_ + 1;
  if (names == nullptr && cells != columns_.size()) {
    cell_line_ = next_line_;
    cell_ = std::min(cells, columns_.size());
    set_error("expected a row of ", columns_.size(), " cells, got ", cells);
  }
  ++next_line_;
  return true;
}

// Where the cell at `at` ends, and its text, good until the next call. Null if it does not end in memory.
const char* Reader::scan_cell(const char* at, absl::string_view* cell) {
  if (*at != '"') {
    const char* const end = scan_unquoted(at);
    if (end != nullptr) *cell = absl::string_view(at, static_cast<size_t>(end - at));
    return end;
  }
  const char* begin = ++at;
  bool is_unescaped = false;
  for (;; ++at) {
    if (*at == '"') {
      if (at[1] != '"') break;
      if (!is_unescaped) unescaped_.clear();
      is_unescaped = true;
      unescaped_.append(begin, ++at);  // with one of the two
      begin = at + 1;
    } else if (*at == '\n' || (*at == '\r' && at[1] != '\n')) {
      ++next_line_;
    } else if (*at == '\0') {
      if (at == text_.end()) return nullptr;
      set_error("expected text, got a NUL byte");
    }
  }
  *cell = absl::string_view(begin, static_cast<size_t>(at - begin));
  if (is_unescaped) *cell = unescaped_.append(begin, at);
  ++at;
  if (!stops_[static_cast<unsigned char>(*at)]) {
    set_error("expected a delimiter or the line's end after the closing quote, got ",
              in_quotes(absl::string_view(at, 1)));
  }
  return scan_unquoted(at);
}

const char* Reader::scan_unquoted(const char* at) {
  while (true) {
    while (!stops_[static_cast<unsigned char>(*at)]) ++at;
    if (*at != '\0') return at;
    if (at == text_.end()) return nullptr;
    set_error("expected text, got a NUL byte");
    ++at;
  }
}

void Reader::store(CsvColumn& column, absl::string_view cell) {
  if (column.kind == CsvColumn::kMixed) return;
  if (column.kind == CsvColumn::kTexts) return column.add_text(cell);
  double value;
  const NumberText kind = parse_number(cell, &value);
  if ((kind == NumberText::kNone || numbers_may_be_missing_) && missing_.contains(cell)) {
    column.add_missing_number();
  } else if (kind == NumberText::kNumber) {
    column.add_number(value);
  } else if (kind == NumberText::kNone && !column.is_forced) {
    turned_.push_back(&column);
    column.add_missing_number();
  } else {
    column.add_bad_number();
    if (value_error_of_ != nullptr) return;
    value_error_of_ = &column;
    value_error_ = error_at(cell_line_, cell_, "expected a number",
                            kind == NumberText::kNone ? "" : " within float64's range",
                            " in column ", in_quotes(column.name), ", got ", in_quotes(cell));
  }
}

// Of the row at hand what is in the columns, up to the cell at hand: to go over all columns for each short
// row would take long where there are many.
void Reader::drop_row() {
  const size_t cells = std::min(cell_ + 1, columns_.size());
  for (size_t i = 0; i < cells; ++i) columns_[i].truncate(rows_);
}

absl::Status Reader::refuse_row(const std::string& error) {
  if (!options_.skip_bad_rows) return absl::InvalidArgumentError(error);
  ++skipped_;
  if (first_errors_.size() < kErrorsKept) first_errors_.push_back(error);
  return absl::OkStatus();
}

absl::Status Reader::unclosed_quote() const {
  return absl::InvalidArgumentError(
      error_at(cell_line_, cell_, "expected a closing quote, got the file's end"));
}

// Room for as many rows as there will be if they go on as up to `at`.
void Reader::reserve(const char* at) {
  if (rows_ == 0) return;
  const auto seen = static_cast<double>(at - text_.begin());
  const auto all = static_cast<double>(text_.file().size() - rows_offset_);
  const auto rows = static_cast<size_t>(1.02 * all / seen * static_cast<double>(rows_));
  for (CsvColumn& column : columns_) column.reserve(rows);
}

}  // namespace

absl::StatusOr<Table> read_csv(const std::string& path, const CsvOptions& options) {
  for (char c : {'"', '\n', '\r', '\0'}) {
    if (options.delimiter == c) {
      fail<ValueError>("read_csv",
                       "expected a delimiter other than a quote, a line end and NUL, got '",
                       absl::CEscape(absl::string_view(&c, 1)), "'");
    }
  }
  absl::StatusOr<InputFile> file = InputFile::open(path);
  if (!file.ok()) return file.status();
  try {
    return Reader(*std::move(file), options).read();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(path, ": no memory for its cells"));
  }
}

}  // namespace lamina::nn::data
