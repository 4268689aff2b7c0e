package cloze.cuda.driver;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The native halves of JCuda's classes. One that is in no folder of {@code java.library.path} is unpacked from its jar into
 * {@code java.io.tmpdir}, under a name that is the same for all; where a file of that name is there, JCuda loads it as it
 * is, be it another user's or half written by another process. So JCuda is given a folder that nobody else knows.
 */
public final class JCudaNatives {
    private static final String TEMPORARY = "java.io.tmpdir";

    /** Nothing lies in it, and nothing can be unpacked into it. */
    private static final Path NOWHERE = Path.of("/dev/null");

    private JCudaNatives() {}

    /**
     * Has JCuda load a native half.
     *
     * @param touch the first use of a class of JCuda
     * @throws LinkageError if it can not be loaded
     */
    public static synchronized void load(Runnable touch) {
        Path folder = folder();
        String before = System.setProperty(TEMPORARY, folder.toString());
        try {
            touch.run();
        } finally {
            if (before == null) {
                System.clearProperty(TEMPORARY);
            } else {
                System.setProperty(TEMPORARY, before);
            }
            delete(folder);
        }
    }

    /** A new one, for this user alone. */
    private static Path folder() {
        try {
            return Files.createTempDirectory("cloze-jcuda-");
        } catch (IOException _) {
            return NOWHERE; // it may still be in a folder of java.library.path
        }
    }

    /** What is loaded stays, also without its file. */
    private static void delete(Path folder) {
        if (folder.equals(NOWHERE)) {
            return;
        }
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Files.delete(file);
            }
            Files.delete(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What JCuda tells of its attempts in two stack traces; of a class that failed before, with those of that time. */
    public static String reason(LinkageError error) {
        Throwable first = error.getCause() == null ? error : error.getCause();
        List<String> lines = String.valueOf(first.getMessage()).lines().toList();
        String reasons = lines.stream()
                .filter(line -> line.matches("java\\.[\\w.]+: .*"))
                .map(line -> line.substring(line.indexOf(' ') + 1))
                .collect(Collectors.joining("; "));
        return reasons.isEmpty() ? lines.getFirst() : reasons;
    }
}
