package cloze.cuda.cudnn;

import cloze.backend.BackendException;
import cloze.cuda.driver.LibrarySearch;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Who makes layers of LSTM: own kernels, or cuDNN 9 where the system property {@code cloze.cuda.lstm} asks for it. It is not
 * taken unasked, since its sums over several streams may give other bits each time.
 *
 * @param library of cuDNN, or null for own kernels
 * @see <a href="https://docs.pytorch.org/docs/stable/cudnn_rnn_determinism.html">what it takes to give the same bits</a>
 */
public record LstmChoice(LibrarySearch.@Nullable Found library) {
    private static final String CHOICE = "cloze.cuda.lstm";
    private static final String WORKSPACE = "CUBLAS_WORKSPACE_CONFIG";

    /** What cuBLAS has to be told for streams to have workspaces of their own. */
    private static final List<String> REPEATABLE = List.of(":16:8", ":4096:2");

    /** @throws BackendException if the property asks for what is not here */
    public static LstmChoice choose() {
        String choice = System.getProperty(CHOICE, "");
        return switch (choice) {
            case "", "own" -> new LstmChoice(null);
            case "cudnn" -> {
                ConvolutionChoice found =
                        ConvolutionChoice.find(LibrarySearch.here(List.of(ConvolutionChoice.NODE)), false);
                if (found.library() == null) {
                    throw new BackendException("%s=cudnn, but %s".formatted(CHOICE, found.reason()));
                }
                yield new LstmChoice(found.library());
            }
            default -> throw new BackendException("%s must be own or cudnn, but it is %s".formatted(CHOICE, choice));
        };
    }

    /** @param cudnn the library at work, if it is */
    public String describe(@Nullable Cudnn cudnn) {
        return cudnn == null || library == null
                ? "LSTM by own kernels (%s=cudnn asks for others)".formatted(CHOICE)
                : "LSTM in f32 by cuDNN %s (%s; asked for by %s; %s)"
                        .formatted(cudnn.version(), library, CHOICE, bits(System.getenv(WORKSPACE)));
    }

    /** @param workspace what the environment says of it */
    static String bits(@Nullable String workspace) {
        return REPEATABLE.contains(String.valueOf(workspace))
                ? "%s is %s".formatted(WORKSPACE, workspace)
                : "it may give other bits each time, as %s is not %s"
                        .formatted(WORKSPACE, String.join(" or ", REPEATABLE));
    }
}
