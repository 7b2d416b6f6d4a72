// Whether a page is well formed, as XML sees it.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace descrambler::test {

// An & that does not begin one of the entities of the page.
inline bool bare_ampersand(const std::string& text) {
    for (std::size_t at = text.find('&'); at != std::string::npos; at = text.find('&', at + 1)) {
        const std::string entity = text.substr(at + 1, text.find(';', at) - at - 1);
        const bool number =
            entity.size() > 1 && entity[0] == '#' && entity.find_first_not_of("0123456789", 1) == std::string::npos;
        if (!number && entity != "amp" && entity != "lt" && entity != "gt" && entity != "quot")
            return true;
    }
    return false;
}

// The attributes of one tag: NAME="VALUE", none twice, no identifier twice in the page. Returns what is wrong. Written
// by hand because embedded pixels are one huge attribute, too much for the recursion of std::regex.
inline std::string check_attributes(const std::string& text, std::set<std::string>& identifiers) {
    const std::string blank = " \t\r\n/";
    std::set<std::string> seen;
    std::size_t at = text.find_first_not_of(blank);
    while (at != std::string::npos) {
        const std::size_t equals = text.find('=', at);  // blanks may stand on both sides of it
        const std::size_t begin = equals == std::string::npos ? equals : text.find_first_not_of(" \t\n", equals + 1);
        if (begin == std::string::npos || (text[begin] != '"' && text[begin] != '\''))
            return "attribute that is not quoted";
        std::string name = text.substr(at, equals - at);
        name.erase(name.find_last_not_of(" \t\n") + 1);
        const std::size_t end = text.find(text[begin], begin + 1);
        if (name.empty() || name.find_first_of(" \t\n\"'<&") != std::string::npos || end == std::string::npos)
            return "attribute not understood";
        const std::string value = text.substr(begin + 1, end - begin - 1);
        if (!seen.insert(name).second)
            return "attribute twice";
        if (bare_ampersand(value) || value.find('<') != std::string::npos)
            return "bare & or <";
        if (name == "id" && !identifiers.insert(value).second)
            return "identifier twice: " + value;
        if (end + 1 < text.size() && blank.find(text[end + 1]) == std::string::npos)
            return "no blank behind an attribute";
        at = text.find_first_not_of(blank, end + 1);
    }
    return {};
}

// Nothing of a page may be left open: every start tag has its end tag in order, attributes are quoted and not given
// twice, identifiers are unique, and no bare ampersand is left. Returns the first complaint.
inline std::string malformed(const std::string& page) {
    std::vector<std::string> open;
    std::set<std::string> identifiers;
    std::size_t at = 0;
    while (at < page.size()) {
        const std::size_t start = page.find('<', at);
        const std::string text = page.substr(at, start == std::string::npos ? start : start - at);
        if (open.empty() || open.back() != "style") {
            if (bare_ampersand(text))
                return "bare & in: " + text.substr(0, 80);
            if (text.find("]]>") != std::string::npos)
                return "]]> in: " + text.substr(0, 80);
        }
        if (start == std::string::npos)
            break;
        const std::size_t end = page.find('>', start);
        if (end == std::string::npos)
            return "tag without end";
        const std::string tag = page.substr(start + 1, end - start - 1);
        at = end + 1;
        if (tag.starts_with("!") || tag.starts_with("?"))
            continue;
        if (tag.starts_with("/")) {
            if (open.empty() || open.back() != tag.substr(1))
                return "<" + tag + "> closes " + (open.empty() ? "nothing" : open.back());
            open.pop_back();
            continue;
        }
        const std::size_t name_end = tag.find_first_of(" \t\n/");
        const std::string name = tag.substr(0, name_end);
        std::string rest = name_end == std::string::npos ? "" : tag.substr(name_end);
        const bool closed = !rest.empty() && rest.back() == '/';
        if (const std::string complaint = check_attributes(rest, identifiers); !complaint.empty())
            return complaint + " in <" + tag.substr(0, 120);
        if (!closed)
            open.push_back(name);
    }
    return open.empty() ? "" : "<" + open.back() + "> is left open";
}

}  // namespace descrambler::test
