package cloze.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SizesTest {
    @ParameterizedTest
    @CsvSource({
        "8GiB, 8589934592",
        "8gib, 8589934592",
        "1.5 GiB, 1610612736",
        "500MB, 500000000",
        "64KiB, 65536",
        "1048576, 1048576",
        "0, 0"
    })
    void bytes_have_units(String text, long bytes) {
        assertThat(new Sizes.Bytes().convert(text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @CsvSource({"300e9, 300000000000", "1.5M, 1500000", "10k, 10000", "1_000, 1000", "2B, 2000000000", "7, 7"})
    void counts_have_thousands(String text, long count) {
        assertThat(new Sizes.Count().convert(text)).isEqualTo(count);
    }

    @ParameterizedTest
    @ValueSource(strings = {"8G1B", "", "GiB", "-3", "1e99", "0.3B", "8 potatoes", "NaN"})
    void what_is_no_number_of_bytes_is_refused(String text) {
        assertThatThrownBy(() -> new Sizes.Bytes().convert(text))
                .hasMessage(String.format(
                        Locale.ROOT,
                        "it must be a number of bytes such as 8GiB, 500MB or 1048576, but it is '%s'",
                        text));
    }

    @Test
    void numbers_are_printed_short() {
        assertThat(Sizes.bytes(1.5 * (1 << 30))).isEqualTo("1.50 GiB");
        assertThat(Sizes.bytes(17)).isEqualTo("17 B");
        assertThat(Sizes.count(124_439_808)).isEqualTo("124M");
        assertThat(Sizes.count(999)).isEqualTo("999");
        assertThat(Sizes.count(999.9)).isEqualTo("1.00k");
        assertThat(Sizes.count(12.34)).isEqualTo("12.3");
        assertThat(Sizes.duration(4.25)).isEqualTo("4.3 s");
        assertThat(Sizes.duration(185)).isEqualTo("3 min 05 s");
        assertThat(Sizes.duration(3720)).isEqualTo("1 h 02 min");
        assertThat(Sizes.duration(Double.NaN)).isEqualTo("?");
    }
}
