#include "cli/numbers.hpp"

#include <charconv>
#include <cmath>
#include <sstream>

#include "descrambler/error.hpp"

namespace descrambler::cli {

std::vector<Index> whole_numbers(const std::string& option, const std::string& text, char separator) {
    std::vector<Index> numbers;
    std::istringstream words(text);
    for (std::string word; std::getline(words, word, separator);) {
        if (word.empty() || word.size() > 18 || word.find_first_not_of("0123456789") != std::string::npos)
            throw InputError(option + " " + text + ": expected whole numbers with '" + separator + "' between them");
        numbers.push_back(std::stoll(word));
    }
    if (!text.empty() && text.back() == separator)
        throw InputError(option + " " + text + ": expected whole numbers with '" + separator + "' between them");
    if (numbers.empty())
        throw InputError(option + ": expected whole numbers with '" + std::string(1, separator) + "' between them");
    return numbers;
}

std::vector<double> real_numbers(const std::string& option, const std::string& text) {
    std::vector<double> numbers;
    std::istringstream words(text);
    for (std::string word; std::getline(words, word, ',');) {
        double number = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
        if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(number))
            throw InputError(option + " " + text + ": expected numbers with ',' between them");
        numbers.push_back(number);
    }
    if (numbers.empty())
        throw InputError(option + ": expected numbers with ',' between them");
    return numbers;
}

}  // namespace descrambler::cli
