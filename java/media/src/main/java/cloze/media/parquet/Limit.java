package cloze.media.parquet;

import cloze.io.DataException;
import java.util.Locale;

/** What may still be decoded of a column, so that a small file does not become an endless one. */
final class Limit {
    private final long most;
    private long left;

    Limit(long fileSize) {
        most = ParquetFile.ALWAYS + ParquetFile.EXPANSION * fileSize;
        left = most;
    }

    void spend(long amount) throws DataException {
        if (amount < 0 || amount > left) {
            throw new DataException(String.format(
                    Locale.ROOT,
                    "expected %d bytes and rows at most, %d for a byte of the file, found more (a bomb?)",
                    most,
                    ParquetFile.EXPANSION));
        }
        left -= amount;
    }
}
