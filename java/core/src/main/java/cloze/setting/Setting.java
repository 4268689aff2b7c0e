package cloze.setting;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Describes a component of a record of settings. The option of the command, its help, its bounds and its messages are made
 * from this; a component without it is stored, but has no option.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
public @interface Setting {
    /** A sentence for the help, with a full stop. */
    String value();

    /** The option's name without dashes; empty for that of the component, {@code microBatches} as {@code micro-batches}. */
    String flag() default "";

    /** A second name of the option, without dashes. */
    String alias() default "";

    /** The name of the option that sets a boolean to false; empty for {@code no-} and the name. */
    String off() default "";

    /** The placeholder for the value in the help; empty for N, X or TEXT by the type. */
    String label() default "";

    double min() default Double.NEGATIVE_INFINITY;

    double max() default Double.POSITIVE_INFINITY;

    /** The value is larger than this. */
    double above() default Double.NEGATIVE_INFINITY;

    /** The value is smaller than this. */
    double below() default Double.POSITIVE_INFINITY;

    /** The only values; empty for any. */
    String[] oneOf() default {};

    /** Settings of one group exclude each other: setting one sets the others to 0. */
    String group() default "";
}
