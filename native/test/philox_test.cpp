#include "cloze/philox.h"

#include "check.h"

using namespace cloze;

// Random123's known answers
TEST(gives_the_known_answers) {
    auto zero = Philox(0, 0).at(0, 0);
    CHECK((zero == std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    auto ones = Philox(-1, -1).at(0xffffffff, 0xffffffff);
    CHECK((ones == std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    auto pi = Philox(0x299f31d0a4093822, 0x0370734413198a2e).at(0x243f6a88, 0x85a308d3);
    CHECK((pi == std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(gives_the_same_numbers_in_lanes) {
    Philox random(0x123456789abcdef0, 42);
    for (uint32_t base : {0u, 100u, 0xffffff00u}) {
        vu numbers[4];
        random.block(base, 7, numbers);
        for (int i = 0; i < 4 * lanes; i++)
            CHECK(numbers[i / lanes][i % lanes] == random.at(base + uint32_t(i) / 4, 7)[size_t(i % 4)]);
    }
}

TEST(keeps_exactly_where_the_uniform_is_not_below_the_rate) {
    for (float rate : {0.f, 1e-8f, 0.1f, 0.3f, 0.5f, 0.99999f})
        for (uint32_t number : {0u, 255u, 256u, 0x19999900u, 0x199999ffu, 0x19999a00u, 0x7fffffffu, 0x80000000u, ~0u}) {
            bool expected = uniform(number) >= rate;
            CHECK(kept(number, keep_threshold(rate)) == expected);
            CHECK((kept(broadcast(number), keep_threshold(rate))[0] != 0) == expected);
            CHECK(uniform(broadcast(number))[0] == uniform(number));
        }
}
