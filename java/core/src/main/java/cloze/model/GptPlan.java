package cloze.model;

import cloze.nn.Parameters;
import cloze.op.Attention;
import cloze.op.AttentionMask;
import java.util.Locale;

/**
 * The cost of training and running a GPT, by arithmetic alone: parameters, memory, floating-point operations and time.
 *
 * @param config of the model
 * @param parameters N, counted on the model itself
 * @param tokens D, of the training
 */
public record GptPlan(GptConfig config, long parameters, double tokens) {
    /**
     * The compute-optimal model for a number of operations.
     *
     * @param parameters N
     * @param tokens D
     * @param loss that the fit predicts for them, in nats per token
     */
    public record Optimum(double parameters, double tokens, double loss) {}

    public GptPlan {
        if (!(tokens > 0)) {
            throw new IllegalArgumentException("tokens must be more than 0, but it is " + tokens);
        }
    }

    public static GptPlan of(GptConfig config, double tokens) {
        return new GptPlan(config, Parameters.count(p -> new Gpt(config, p)), tokens);
    }

    /** Parameters in matrix multiplications for every token: all but learned positions. */
    public long activeParameters() {
        boolean learned = config.style().positions() == GptConfig.Positions.LEARNED;
        return parameters - (learned ? (long) config.context() * config.width() : 0);
    }

    /**
     * Training operations per token: two for each multiply-add, forward once and backward twice, and the attention
     * scores of a full context.
     *
     * @see <a href="https://arxiv.org/abs/2204.02311">Chowdhery et al. 2022, appendix B</a>
     */
    public double flopPerToken() {
        return 6.0 * activeParameters() + attention(new AttentionMask.None());
    }

    /** As {@link #flopPerToken}, with only the attention scores that a causal mask keeps. */
    public double causalFlopPerToken() {
        return 6.0 * activeParameters() + attention(new AttentionMask.Causal());
    }

    /** Operations of attention for a token of a full context: twice and four times the multiply-adds of forward. */
    private double attention(AttentionMask mask) {
        int t = config.context();
        return 6.0 * config.layers() * Attention.multiplyAdds(1, t, t, config.heads(), mask) / t;
    }

    /** {@code 6 N D}, the estimate that the papers quote; attention scores left out. */
    public double flop() {
        return 6.0 * parameters * tokens;
    }

    /** {@link #flopPerToken} for all tokens. */
    public double flopWithAttention() {
        return flopPerToken() * tokens;
    }

    /**
     * Days of training.
     *
     * @param devices working in parallel
     * @param peak operations a second of one
     * @param utilisation share of the peak that is reached, in (0, 1]
     */
    public double days(int devices, double peak, double utilisation) {
        if (!(devices > 0 && peak > 0 && utilisation > 0 && utilisation <= 1)) {
            throw new IllegalArgumentException(
                    "devices and peak must be positive and utilisation in (0, 1], but they are "
                            + String.format(Locale.ROOT, "%d, %g and %g", devices, peak, utilisation));
        }
        return flopWithAttention() / (devices * peak * utilisation) / 86_400;
    }

    /**
     * Keys and values of one full context.
     *
     * @param bytes of one number
     */
    public long keyValueCache(int bytes) {
        return 2L
                * config.layers()
                * config.heads().keyValues()
                * config.heads().width()
                * config.context()
                * bytes;
    }

    /**
     * The best use of {@link #flop}, by the parametric fit {@code L = 1.69 + 406.4 / N^0.34 + 410.7 / D^0.28}.
     *
     * @see <a href="https://arxiv.org/abs/2203.15556">Hoffmann et al. 2022, section 3.3</a>
     */
    public Optimum chinchilla() {
        double a = 0.34;
        double b = 0.28;
        double scale = Math.pow(a * 406.4 / (b * 410.7), 1 / (a + b));
        double n = scale * Math.pow(flop() / 6, b / (a + b));
        double d = flop() / 6 / n;
        return new Optimum(n, d, 1.69 + 406.4 / Math.pow(n, a) + 410.7 / Math.pow(d, b));
    }
}
